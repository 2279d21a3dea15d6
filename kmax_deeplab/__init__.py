"""kMaX-DeepLab, installed: what needs neither torch nor OpenMMLab."""
