# Which given names are unknown, and what was probably meant, in sentences.
#
# Terraform drops what an object type does not have, without a word. So a
# misspelt `timezone` would leave its integration at the default one.

variable "given" {
  description = "By path: the names that somebody wrote there."
  type        = map(set(string))
}

variable "known" {
  description = "By path: the names that may be written there."
  type        = map(set(string))
}

locals {
  # By name: its pairs of neighbouring letters.
  _pairs = {
    for name in toset(flatten([values(var.given), values(var.known)])) :
    name => toset([
      for start in range(max(length(name) - 1, 0)) :
      lower(substr(name, start, 2))
    ])
  }

  _unknown = merge([
    for path, names in var.given : {
      for name in setsubtract(names, var.known[path]) :
      "${path}.${name}" => { known = var.known[path], name = name }
    }
  ]...)

  # The part of their pairs that two names share, from 0 to 1.
  _likeness = {
    for path, unknown in local._unknown : path => {
      for known in unknown.known : known => (
        2 * length(setintersection(
          local._pairs[unknown.name], local._pairs[known]
        )) /
        max(length(local._pairs[unknown.name]) + length(local._pairs[known]), 1)
      )
    }
  }

  _nearest = {
    for path, likeness in local._likeness : path => [
      for known, part in likeness :
      known if part >= 0.3 && part == max(values(likeness)...)
    ]
  }
}

output "problems" {
  description = "A sentence per unknown name."
  value = [
    for path, nearest in local._nearest : format(
      "%s is unknown: %s.",
      path,
      length(nearest) > 0
      ? "${nearest[0]} is meant, probably"
      : "known are ${join(", ", local._unknown[path].known)}"
    )
  ]
}
