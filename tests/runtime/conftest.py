from training_fixtures import command, shapes_options, toy, weights_of  # noqa: F401
