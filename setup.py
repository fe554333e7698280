"""Which packages are installed, folders of templates included; everything else is in pyproject.toml.

pyproject.toml cannot both find packages and rename one. The folder ``jobs`` is imported as ``reconciler_jobs``: a
top-level package called ``jobs`` could hide another's.
"""

from setuptools import find_namespace_packages, setup

setup(
    packages=[*find_namespace_packages(include=["reconciler", "reconciler.*"]), "reconciler_jobs"],
    package_dir={"reconciler_jobs": "jobs"},
)
