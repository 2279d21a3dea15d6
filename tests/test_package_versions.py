from importlib import metadata

import pytest

from projects.kmax import package_versions

NEWEST = dict(torch='2.13.0+cpu', numpy='2.4.6')


@pytest.fixture
def install(monkeypatch):
    """Return a function that sets the versions that are found, None for what has no metadata."""

    def version(versions, name):
        if versions[name] is None:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    def install(python=(3, 11, 7), **versions):
        versions = NEWEST | versions
        monkeypatch.setattr(metadata, 'version', lambda name: version(versions, name))
        monkeypatch.setattr(package_versions.sys, 'version_info', python)

    return install


@pytest.mark.parametrize(
    'versions',
    [
        dict(torch='2.6.0', numpy='1.26.4'),
        dict(torch='2.6.0a0+ecf3bae40a.nv25.1', numpy=None),
        dict(torch='10.0', numpy='11.0'),
        dict(torch='unknown', python=(3, 13, 0)),
    ],
)
def test_supported_versions_are_taken(install, versions, recwarn):
    install(**versions)
    package_versions.refuse_old_versions()
    assert not recwarn


@pytest.mark.parametrize(
    'versions, message',
    [
        (
            dict(torch='2.5.1+cu124'),
            'needs torch 2.6 or later, not 2.5: run "pip install \'torch>=',
        ),
        (dict(torch='1.13.1'), 'needs torch 2.6 or later, not 1.13'),
        (dict(numpy='1.25.2'), 'needs numpy 1.26 or later, not 1.25'),
        (dict(python=(3, 10, 13)), 'needs Python 3.11 to 3.13, not 3.10'),
    ],
)
def test_old_versions_are_refused_in_one_line(install, versions, message):
    install(**versions)
    with pytest.raises(ImportError, match=message) as error:
        package_versions.refuse_old_versions()
    assert '\n' not in str(error.value)


def test_untried_python_is_warned_of(install):
    install(python=(3, 14, 0))
    with pytest.warns(UserWarning, match='tested with Python 3.11 to 3.13, not 3.14'):
        package_versions.refuse_old_versions()
