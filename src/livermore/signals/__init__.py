"""What is said: the rules, the signals that they raise, and the alerts that carry them."""
