"""Pure tensor maths: short-time spectra, overlap-add, soft masks, resampling."""
