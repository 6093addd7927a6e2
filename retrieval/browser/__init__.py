"""WebGPT's browser (Nakano et al. 2021, arXiv:2112.09332) as a pure state machine."""
