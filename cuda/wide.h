/* What a thread moves at a time. */

typedef struct __align__(16) { M x[16 / sizeof(M)]; } st_wide_X;
