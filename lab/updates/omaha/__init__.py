"""Omaha 3.0 as Flatcar's update_engine 0.4.10 speaks it: bytes -> request -> decision -> bytes. Pure.

Wire format: src/update_engine/omaha_request_action.cc of flatcar/update_engine (what it sends and reads), and
backend/pkg/omaha of flatcar/nebraska 3.0 (what the vendor's server answers).
"""
