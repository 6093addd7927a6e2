"""The suite `injection`: what a page can make a browse do, which must be nothing."""
