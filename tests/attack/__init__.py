"""`make attack`: what attackers do, repeated. A small part of it runs with the tests.

Each attack returns what it tried and what got through; `__main__` runs them all against a real
service on throwaway engines. Randomness has fixed seeds.
"""
