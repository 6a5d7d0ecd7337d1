"""Line identity, edited loci and foreign cells of clones, from allele counts."""
