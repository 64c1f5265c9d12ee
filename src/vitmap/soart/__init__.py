"""SOART: pictures → three small tables of metrics → attention, a verdict and a defect map.

No training, no GPU and no torch: everything here is numpy, on saved pictures.
"""
