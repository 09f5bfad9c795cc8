"""Fixtures that every test module may use."""

pytest_plugins = ["tests.azurite", "tests.examples_plugin", "tests.running"]
