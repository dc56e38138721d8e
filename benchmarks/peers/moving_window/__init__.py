"""(e) Our own stack with the moving window of the package `limits` in place of our script."""
