"""What an evaluation finds: errors by cause, boundaries, calibration, the best and the worst."""
