from training_fixtures import shapes_options, toy, weights_of  # noqa: F401
