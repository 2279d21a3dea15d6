"""What ``kmax-deeplab export`` writes, read and run without torch and without OpenMMLab."""
