"""Tell what the specification demands, in exact arithmetic and without one line of the product.

Written from `design/MARKET.md` alone, so that a mistake in the product cannot be repeated here by import.
"""
