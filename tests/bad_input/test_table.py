"""Every kind of bad input has a clear end."""

import pytest
from all_kinds import KINDS
from kinds import try_kind
from user_folder import make_template


@pytest.fixture(scope='session')
def template(tmp_path_factory):
    return make_template(tmp_path_factory.mktemp('template'))


@pytest.mark.slow
@pytest.mark.parametrize('tried', KINDS, ids=lambda tried: f'{tried.area}: {tried.name}')
def test_kind(tried, template, tmp_path):
    outcome = try_kind(tried, template, tmp_path / 'place')
    assert outcome.name == 'clear', f'{outcome.name}: {outcome.reason}'


def test_areas_are_many():
    assert len(KINDS) >= 300
