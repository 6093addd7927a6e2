"""The report card of a training run: what ran, how it went, and what is missing.

run.py      reads the run's directory; knows files
content.py  decides what is said; knows the run
chart.py    draws one curve as SVG
markdown.py, html.py    lay the same card out; know neither run nor files
"""
