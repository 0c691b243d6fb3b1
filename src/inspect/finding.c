#include "finding.h"

#include <stdlib.h>

const char *severity_name(enum severity severity) {
    static const char *const names[] = {"note", "warning", "harm"};
    return (unsigned)severity < sizeof names / sizeof names[0] ? names[severity] : "?";
}

static void finding_free(struct finding *finding) {
    free(finding->title);
    free(finding->text);
    for (unsigned i = 0; i < finding->nevidence; i++) free(finding->evidence[i]);
    for (unsigned i = 0; i < finding->nremedies; i++) {
        free(finding->remedies[i].text);
        free(finding->remedies[i].command);
    }
    free(finding->conns);
}

void findings_free(struct findings *findings) {
    for (unsigned i = 0; i < findings->n; i++) finding_free(&findings->list[i]);
    free(findings->list);
    *findings = (struct findings){0};
}
