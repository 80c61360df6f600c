"""The Listener and its one job: started, watched, judged, ended."""
