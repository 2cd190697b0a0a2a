"""Modules that even out illumination, sharpen images and match their brightness."""
