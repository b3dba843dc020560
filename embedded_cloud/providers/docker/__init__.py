"""The embedded docker provider: Network, Volume, RemoteImage and Container on a real Docker engine, through the Docker SDK."""
