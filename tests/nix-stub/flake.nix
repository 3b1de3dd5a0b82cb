# A double of nixpkgs for evaluation without a network: every package is an empty derivation, and the
# functions take the arguments that the flake may give them and no others. It cannot show that an
# attribute exists in the real nixpkgs, or that anything builds.
{
  outputs =
    { self }:
    let
      lib = {
        genAttrs =
          names: make:
          builtins.listToAttrs (
            map (name: {
              inherit name;
              value = make name;
            }) names
          );
        importJSON = path: builtins.fromJSON (builtins.readFile path);
        importTOML = path: builtins.fromTOML (builtins.readFile path);
        makeLibraryPath = builtins.concatStringsSep ":";
      };
      packages =
        system:
        let
          made =
            name: given:
            derivation {
              inherit name system;
              builder = "/bin/sh";
              given = builtins.toJSON given;
            };
          named = name: made name null;
          python = {
            pkgs = {
              hatchling = named "hatchling";
              buildPythonPackage =
                {
                  pname,
                  version,
                  src,
                  format ? null,
                  pyproject ? null,
                  nativeBuildInputs ? [ ],
                  buildInputs ? [ ],
                  build-system ? [ ],
                  dependencies ? [ ],
                  dontCheckRuntimeDeps ? false,
                  doCheck ? true,
                }@given:
                assert (format == "wheel") != (pyproject == true);
                made pname given;
            };
            withPackages = choose: made "python-env" (choose python.pkgs);
          };
        in
        lib.genAttrs [
          "autoPatchelfHook"
          "docker-client"
          "dvc"
          "ffmpeg-headless"
          "git"
          "gnumake"
          "hadolint"
          "nixfmt"
          "python312"
          "uv"
          "zlib"
        ] named
        // {
          inherit lib;
          python313 = python;
          stdenv = {
            hostPlatform = { inherit system; };
            cc.cc.lib = named "cc-lib";
          };
          fetchPypi =
            {
              pname,
              version,
              format,
              dist,
              python,
              abi,
              platform,
              sha256,
            }@given:
            assert builtins.match "[0-9a-f]{64}" sha256 != null;
            made pname given;
          mkShell = { packages, env }@given: made "shell" given;
          runCommand =
            name: environment: text:
            made name text;
          writeShellApplication =
            {
              name,
              runtimeInputs,
              text,
            }@given:
            made name given;
          dockerTools.streamLayeredImage =
            {
              name,
              tag,
              contents,
              config,
            }@given:
            made "image" given;
        };
    in
    {
      inherit lib;
      legacyPackages = lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] packages;
    };
}
