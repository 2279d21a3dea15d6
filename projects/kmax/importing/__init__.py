"""From the exports of annotation tools, and other formats, to COCO's panoptic format."""
