"""The driver service of Alpasim: sessions over gRPC, a plan for every `drive`."""
