# Finds unknown names, and suggests the known name that is nearest.
#
# Terraform silently drops an attribute that an object type does not have. So a
# misspelt `timezone` would leave its integration at the default time zone.

variable "given" {
  description = "The names that were given, by path."
  type        = map(set(string))
}

variable "known" {
  description = "The names that are allowed, by path."
  type        = map(set(string))
}

locals {
  # The pairs of neighbouring letters of each name.
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

  # The share of pairs that two names have in common, from 0 to 1 (the
  # Sørensen-Dice coefficient).
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
  description = "One sentence for each unknown name."
  value = [
    for path, nearest in local._nearest : format(
      "%s is unknown. %s",
      path,
      length(nearest) > 0
      ? "Did you mean ${nearest[0]}?"
      : "Known names: ${join(", ", local._unknown[path].known)}."
    )
  ]
}
