from training_fixtures import command, toy  # noqa: F401
