from training_fixtures import toy  # noqa: F401
