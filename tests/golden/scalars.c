static inline void k0(char *p0, char *p1, char *p2) {
    const double t0 = ((double *)p0)[0];
    const double t1 = ((double *)p1)[0];
    ((double *)p2)[0] = t0 + (t1 * t1);
}
int st_main(st_frame *f) {
    char *b0 = f->inputs[0].data;
    char *b1 = f->inputs[1].data;
    char *b2 = f->output(f, 0, 0, 0, 8);
    if (!b2) return 1;
    k0(b0, b1, b2);
    return 0;
}
