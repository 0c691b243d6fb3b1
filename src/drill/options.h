/* What the parser and its options share. */
#ifndef DRILL_OPTIONS_H
#define DRILL_OPTIONS_H

#include <lastack/drill.h>

/* Puts what `above` sets over `options`. False: there is no room for its defines. */
bool drill_options_merge(struct la_drill_options *options, const struct la_drill_options *above);
/* Gives everything that is not set its default. False with a sentence: addresses do not fit the IP version. */
bool drill_options_complete(struct la_drill_options *options, char *error, size_t size);

#endif
