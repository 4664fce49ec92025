"""The foundation: time, ids, errors, events, timeframes, scope, and the protocols that every room shares."""
