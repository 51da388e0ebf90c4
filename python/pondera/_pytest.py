"""The pytest plugin: ``pytest --pondera-plugin NAME`` runs the conformance kit on a plugin's methods."""
