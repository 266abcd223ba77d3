"""NCM: the nearest class mean of unit features (Mensink et al. 2013)."""
