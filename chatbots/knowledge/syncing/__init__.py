"""Bringing a source's pages up to date, in steps that a killed worker neither loses nor repeats."""
