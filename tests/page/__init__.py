"""The page, in a browser. A package, so that its tests share one host and one browser, which end with it."""
