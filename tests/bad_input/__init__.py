"""Bad input, systematically: one table of cases, and the page of documentation that it writes."""
