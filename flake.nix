{
  description = "avvla: from raw driving logs to a vision-language-action model that drives";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      each = nixpkgs.lib.genAttrs [
        "x86_64-linux"
        "aarch64-linux"
      ];
      # nix/default.nix has what one system is given.
      of =
        system:
        import ./nix {
          pkgs = nixpkgs.legacyPackages.${system};
          source = self;
        };
    in
    {
      apps = each (system: (of system).apps);
      checks = each (system: (of system).checks);
      devShells = each (system: (of system).shells);
      formatter = each (system: (of system).formatter);
      packages = each (system: (of system).packages);
    };
}
