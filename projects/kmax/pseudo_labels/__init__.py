"""Labels of unlabeled images, made from the predictions of a model."""
