{ family }: { ... }: { }
