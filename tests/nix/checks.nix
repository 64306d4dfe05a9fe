{ self, family, manifest }: { inherit (family) chassis; }
