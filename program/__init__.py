"""The program as data: evaluated under mocks, its resources as a graph, and what is known of their types."""
