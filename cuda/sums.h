/* Sums in the dtype's own width. */

/* Adds x to *sum; *lost collects what rounding takes away (Knuth), so the error does not grow with the number of terms. */
ST_INLINE void st_add_to_X(T *sum, T *lost, T x) {
    const T s = *sum + x, part = s - *sum;
    const T error = (*sum - (s - part)) + (x - part);
    *sum = s;
    /* Beyond the largest number the error term is NaN; the sum itself is right. */
    if (error == error) *lost += error;
}
