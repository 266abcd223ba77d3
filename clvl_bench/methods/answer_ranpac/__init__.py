"""RanPAC on the product of image and question features: exact, whatever the order."""
