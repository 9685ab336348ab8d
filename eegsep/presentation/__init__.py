"""Results as pages: what tables and pictures say of a study, and where it comes from."""
