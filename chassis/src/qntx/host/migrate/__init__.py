"""From the files of one machine to a database that hosts share."""
