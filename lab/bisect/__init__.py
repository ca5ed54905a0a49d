"""Which of many versions is the first slow or broken one, by statistics over as few boots as it takes."""
