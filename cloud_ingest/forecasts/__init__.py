"""What will wear out and when, with how sure that is: made nightly, by statsmodels."""
