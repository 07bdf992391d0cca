"""Where things are: positions, regions, coordinate systems, coarse views.

Pure: no I/O, no clock, no chance, and nothing of the layers above. Every position
inside the house is WGS-84; `crs` converts at the border.
"""
