"""Scene planning: configuration and random streams in, readable scene specs out. numpy only."""
