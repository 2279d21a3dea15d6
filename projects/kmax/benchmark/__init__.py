"""Speed and memory of panoptic models, measured side by side in one process."""
