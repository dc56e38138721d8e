"""(a) A bare Django view that returns fixed bytes, without any middleware."""
