"""(e) Our own stack with the moving window of the package `limits` instead of our script."""
