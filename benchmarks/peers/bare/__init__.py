"""(a) A bare Django view that answers canned bytes; no middleware at all."""
